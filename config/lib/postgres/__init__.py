"""The database backend that says with every statement whose rows it may see."""
