"""The one boundary to AWS: clients passed in, our nouns out, our errors out."""
