"""Arms x seeds: plan the runs, train and evaluate what is missing, and report."""
