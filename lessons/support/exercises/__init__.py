"""The exercises, a file a lesson: functions that check an answer, and reference solutions."""
