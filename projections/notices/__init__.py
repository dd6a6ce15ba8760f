"""What operators are to be told, made of the event store and the read models; read `feed` first."""
