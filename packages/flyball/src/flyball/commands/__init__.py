"""Acts: one module each. A command changes state; the faces and the runner call it."""
