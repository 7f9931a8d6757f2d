"""Who signs tokens and certificates: an API server's keys, and a CA, by the openssl command."""
import base64
import json
import subprocess
import time
import uuid


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*arguments, **options):
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60, **options).stdout


def raw_signature(der):
    """r and s of an ECDSA signature, 32 bytes each, as a JWT has them."""
    numbers, at = [], 2
    while at < len(der):
        length = der[at + 1]
        numbers.append(int.from_bytes(der[at + 2:at + 2 + length], "big").to_bytes(32, "big"))
        at += 2 + length
    return b"".join(numbers)


class Issuer:
    """Signs as a Kubernetes API server does: with a kid, and without a `typ`; RS256, or ES256 by keys called ec-…."""

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
                kind = ("EC", "ec_paramgen_curve:P-256") if name.startswith("ec-") else ("RSA", "rsa_keygen_bits:2048")
                openssl("genpkey", "-algorithm", kind[0], "-pkeyopt", kind[1], "-out", path)
                self.keys[name] = path
        self.kid = ids[-1]
        fresh = self.jwks.with_suffix(".new")
        fresh.write_text(json.dumps({"keys": [self._jwk(name) for name in ids]}))
        fresh.rename(self.jwks)

    def _jwk(self, name):
        """What `kubectl get --raw /openid/v1/jwks` has of a key."""
        if name.startswith("ec-"):
            point = openssl("pkey", "-in", self.keys[name], "-pubout", "-outform", "DER")[-64:]
            return {"use": "sig", "kty": "EC", "kid": name, "crv": "P-256", "alg": "ES256", "x": base64url(point[:32]),
                    "y": base64url(point[32:])}
        modulus = openssl("rsa", "-in", self.keys[name], "-noout", "-modulus").decode().strip().split("=")[1]
        return {"use": "sig", "kty": "RSA", "kid": name, "alg": "RS256", "n": base64url(bytes.fromhex(modulus)), "e": "AQAB"}

    def token(self, namespace="plant", account="temperature", seconds=3600, audience="sluice", **claims):
        """A projected token, with the claims that an API server of Kubernetes 1.30 and later gives it; None: without one."""
        now = int(time.time())
        audiences = [audience] if isinstance(audience, str) else audience
        payload = {"aud": audiences, "exp": now + seconds, "iat": now, "iss": self.url, "jti": str(uuid.uuid4()),
                   "kubernetes.io": {"namespace": namespace, "node": {"name": "node-1", "uid": str(uuid.uuid4())},
                                     "pod": {"name": f"{account}-0", "uid": str(uuid.uuid4())},
                                     "serviceaccount": {"name": account, "uid": str(uuid.uuid4())}, "warnafter": now + 3607},
                   "nbf": now, "sub": f"system:serviceaccount:{namespace}:{account}", **claims}
        payload = {name: value for name, value in payload.items() if value is not None}
        elliptic = self.kid.startswith("ec-")
        header = {"alg": "ES256" if elliptic else "RS256", "kid": self.kid}
        text = ".".join(base64url(json.dumps(part, separators=(",", ":")).encode()) for part in (header, payload))
        signature = openssl("dgst", "-sha256", "-sign", self.keys[self.kid], input=text.encode())
        return f"{text}.{base64url(raw_signature(signature) if elliptic else signature)}"

    def write_token(self, path, **of):
        """In place of what is there at once, as the kubelet does it."""
        fresh = path.with_suffix(".new")
        fresh.write_text(self.token(**of))
        fresh.rename(path)
        return path


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

    def crl(self, *revoked):
        """A revocation list, in PEM, of these certificates; it runs out tomorrow."""
        config, index = self.folder / "crl.conf", self.folder / "crl.index"
        config.write_text(f"[ca]\ndefault_ca=ca\n[ca]\ndatabase={index}\ndefault_md=sha256\nunique_subject=no\n")
        index.write_text("")
        signer = ("ca", "-config", config, "-cert", self.cert, "-keyfile", self.key)
        for cert in revoked:
            openssl(*signer, "-revoke", cert)
        return openssl(*signer, "-gencrl", "-crldays", "1").decode()
