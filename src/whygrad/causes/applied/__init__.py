"""The ways in which the link "applied" breaks: the gradient is there, and nobody moves the parameter by it."""
