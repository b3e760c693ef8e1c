"""What it takes to train or serve a machine-learning model."""
