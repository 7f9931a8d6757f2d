"""Secrets that a test plants wherever a user may keep one, and the search for them in what a gateway tells."""
import base64
import pathlib
import secrets
import urllib.parse


class Planted:
    """Names the secrets, keeps what was seen, and says which stands where."""

    def __init__(self):
        self.needles = []  # (name, bytes)
        self.seen = []     # (where, bytes)

    def word(self, name):
        """A new one, which a shell, a URL and YAML take as it is."""
        return self.add(name, f"s3cret-{name}-{secrets.token_hex(8)}")

    def add(self, name, text):
        """It, and what it may be told as; returns it."""
        for told in {text, urllib.parse.quote(text, safe=""), base64.b64encode(text.encode()).decode().rstrip("=")}:
            self.needles.append((name, told.encode()))
        return text

    def token(self, name, token):
        """A JSON Web Token: none of its parts may be told."""
        for part in token.split("."):
            self.needles.append((name, part.encode()))
        return token

    def key(self, name, path):
        """A private key's PEM file: each of its full lines, and the last one."""
        lines = [line for line in pathlib.Path(path).read_text().splitlines() if not line.startswith("-----")]
        for line in lines:
            if len(line) >= 16:
                self.needles.append((name, line.encode()))
        return path

    def see(self, where, what):
        """Keeps what somebody could read there; returns it."""
        self.seen.append((where, what.encode() if isinstance(what, str) else what))
        return what

    def see_folder(self, folder):
        for path in sorted(pathlib.Path(folder).rglob("*")):
            if path.is_file():
                self.see(str(path), path.read_bytes())

    def told(self):
        """What should be empty: (secret, where, the text around it)."""
        return [(name, where, text[max(0, text.find(needle) - 60):text.find(needle) + 60])
                for name, needle in self.needles for where, text in self.seen if needle in text]
