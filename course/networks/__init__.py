"""Judging networks that students trained: reading their weights safely, letting them fill holes, saying how far above a baseline they are.

Beside ``course.checks``, not in it: a notebook's figures count as stale when a module changes that it imports, and every notebook
imports the checks. These here need every model of the library, and only a task that asks for a network comes to them, by name.
"""
