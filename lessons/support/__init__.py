"""What the lessons use: exercises, guesses, timings, figures with descriptions."""
from tinynnclr.cli.console import escape_unprintable

from .bench import Timing, bench
from .check import Trial, WrongAnswer, check, exercise
from .predict import draw_guess, guess, predict
from .report import report
from .show import show
from .stored import stored

__all__ = ["Timing", "Trial", "WrongAnswer", "bench", "check", "draw_guess", "exercise", "guess",
           "predict", "report", "show", "stored"]

escape_unprintable()  # lessons print symbols that not every console can show
