"""Gradient health over a whole run: what ``--watch`` writes and says. No framework is known here."""
