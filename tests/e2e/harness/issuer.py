"""Who signs tokens and certificates: an API server's keys, and a CA, by the openssl command."""
import base64
import json
import subprocess
import time


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*arguments, **options):
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60, **options).stdout


class Issuer:
    """Signs as a Kubernetes API server does: RS256, with a kid, and without a `typ`."""

    def __init__(self, folder, url="https://kubernetes.default.svc.cluster.local"):
        self.folder = folder
        self.url = url
        self.jwks = folder / "jwks.json"
        self.keys = {}
        self.rotate("key-1")

    def rotate(self, *ids):
        """From now on the JWKS file holds just these keys; the last one signs."""
        for name in ids:
            if name not in self.keys:
                path = self.folder / f"{name}.pem"
                openssl("genrsa", "-out", path, "2048")
                self.keys[name] = path
        self.kid = ids[-1]
        fresh = self.jwks.with_suffix(".new")
        fresh.write_text(json.dumps({"keys": [self._jwk(name) for name in ids]}))
        fresh.rename(self.jwks)

    def _jwk(self, name):
        modulus = openssl("rsa", "-in", self.keys[name], "-noout", "-modulus").decode().strip().split("=")[1]
        return {"use": "sig", "kty": "RSA", "kid": name, "alg": "RS256", "n": base64url(bytes.fromhex(modulus)), "e": "AQAB"}

    def token(self, namespace="plant", account="temperature", seconds=3600, audience="sluice", **claims):
        now = int(time.time())
        payload = {"aud": [audience], "exp": now + seconds, "iat": now, "nbf": now, "iss": self.url,
                   "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": account, "uid": "3"}},
                   "sub": f"system:serviceaccount:{namespace}:{account}", **claims}
        header = {"alg": "RS256", "kid": self.kid}
        text = ".".join(base64url(json.dumps(part, separators=(",", ":")).encode()) for part in (header, payload))
        signature = openssl("dgst", "-sha256", "-sign", self.keys[self.kid], input=text.encode())
        return f"{text}.{base64url(signature)}"


class Authority:
    """A CA, and what it issues."""

    def __init__(self, folder, name="Sluice Test CA"):
        self.folder = folder
        self.cert = folder / "ca.pem"
        self.key = folder / "ca.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-keyout",
                self.key, "-out", self.cert, "-subj", f"/CN={name}")

    def issue(self, name, alternative_names):
        """Paths of certificate and key; alternative_names as openssl writes them: "URI:spiffe://plant/worker/7"."""
        cert, key, request = (self.folder / f"{name}.{end}" for end in ("pem", "key", "csr"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternative_names}\n")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request,
                "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial", "-days", "1", "-out",
                cert, "-extfile", extensions)
        return cert, key
