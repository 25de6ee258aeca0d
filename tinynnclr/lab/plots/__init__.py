"""All pictures, in one style. Importing these modules takes a second, because of Matplotlib."""
