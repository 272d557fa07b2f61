"""What programs do: for each name of a program, the acts that its words ask for."""
