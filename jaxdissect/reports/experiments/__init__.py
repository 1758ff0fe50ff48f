"""What each experiment of several trainings makes of its numbers."""
