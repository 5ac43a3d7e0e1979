"""A stage's signals in operation: who is attached, what is told again, what was given up."""
