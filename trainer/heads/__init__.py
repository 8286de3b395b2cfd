"""Training the heads of a checkpoint: the encoder and the reader."""
