"""Arms x seeds: plan the runs, train and judge what is missing, and report."""
