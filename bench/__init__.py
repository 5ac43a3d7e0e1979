"""What `make bench` runs: smsignal against its budgets, against the floor below it and against what a user would pick instead."""
