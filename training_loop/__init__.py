"""The training loop; knows no Theano."""
