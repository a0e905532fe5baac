"""What messaging does about facts from the apps below it."""
