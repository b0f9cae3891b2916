"""Every metric that stillgate exports: name, unit, labels and meaning, in this one place.

No label ever carries an account, a key, an address or free text.
"""
