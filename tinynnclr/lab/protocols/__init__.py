"""Ways to judge an encoder, each a function from an encoder and its data to rows of numbers."""
