"""The papers' tables at our scale, each made by one command: `tinynnclr reproduce TABLE`."""
from .command import BUDGETS, parse_tables, reproduce, tables_of

__all__ = ["BUDGETS", "parse_tables", "reproduce", "tables_of"]
