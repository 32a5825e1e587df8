"""The ways in which the link "alive" breaks: something on the way turns a gradient to zeros, or to no numbers."""
