"""The pure core: bytes, trust and the present instant in; verdicts and plans out.

Nothing here touches a file, a network, a clock, the environment or a terminal.
Start with `directory.py`, go on to `verification.py`, then `plan.py`.
"""
