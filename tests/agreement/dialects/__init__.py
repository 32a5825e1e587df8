"""How each framework writes the grammar's nodes, its faults and its look-alikes: one module of tables for each."""
