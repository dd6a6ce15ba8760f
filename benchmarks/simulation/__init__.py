"""What a network of any size asks of the engine: arithmetic, and a simulation that checks it for queueing."""
