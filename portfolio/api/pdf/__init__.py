"""Statements on paper, by reportlab, which is imported only when a PDF is asked for."""
