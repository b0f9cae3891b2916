"""Prompts for the proving ground: grammars, families, and the reading of real ones."""
