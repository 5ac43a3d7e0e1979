"""The chaos run: many texts through the local stack while everything around it fails, and a ledger of what came of them."""
