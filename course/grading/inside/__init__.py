"""What runs inside the sandbox, beside the student's code: no answer, no hidden case, no mark is ever in here.

Only the standard library, NumPy and PyTorch are needed; the sandbox shows this folder and nothing else of the course.
"""
