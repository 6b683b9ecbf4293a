"""What is built on dreaming: what a network says, sees and is sure of."""
