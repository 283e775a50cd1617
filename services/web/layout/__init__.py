"""What all pages share: frame, texts, errors."""
