"""What a network asked with gradients of its predictions comes to."""
