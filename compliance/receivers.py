"""What compliance does about facts from accounts."""
