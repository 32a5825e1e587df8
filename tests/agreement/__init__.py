"""Random programs as a user could have written them, and whether whygrad and the framework say the same of them."""
