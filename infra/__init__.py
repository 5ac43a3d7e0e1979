"""How a stage is built, packaged and deployed. Runs on the user's machine only: nothing of it is in the package."""
