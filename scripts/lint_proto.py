"""The protocol's style, checked over a descriptor set with source info: scripts/lint_proto.py SET

Package and folder agree and end in a version; a package has one go_package; names have the usual case; enum values carry their enum's name; the
zero value is …_UNSPECIFIED, or explained; everything has a comment. A field or value without one is covered by its
neighbour directly above (no blank line between), and the first by the comment of its message or enum.
"""
import re
import sys

from google.protobuf import descriptor_pb2

# Field numbers in descriptor.proto, of which source info makes its paths.
FILE_MESSAGE, FILE_ENUM, FILE_SERVICE = 4, 5, 6
MESSAGE_FIELD, MESSAGE_MESSAGE, MESSAGE_ENUM = 2, 3, 4
ENUM_VALUE, SERVICE_METHOD = 2, 2

PASCAL = re.compile(r"[A-Z][A-Za-z0-9]*")
LOWER_SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
UPPER_SNAKE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")


def upper_snake(pascal):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", pascal).upper()


class FileLint:
    def __init__(self, file):
        self.file = file
        self.places = {tuple(place.path): place for place in file.source_code_info.location}
        self.problems = []

    def problem(self, path, text):
        line = self.places[path].span[0] + 1 if path in self.places else 1
        self.problems.append(f"proto/{self.file.name}:{line}: {text}")

    def commented(self, path):
        place = self.places[path]
        return bool(place.leading_comments.strip() or place.trailing_comments.strip())

    def check_comment(self, path, what):
        if not self.commented(path):
            self.problem(path, f"{what} has no comment")

    def check_member_comments(self, paths, names):
        """Members of one message or enum, which itself is commented."""
        covered, last_line = True, None
        for path, name in sorted(zip(paths, names), key=lambda pair: self.places[pair[0]].span[0]):
            span = self.places[path].span
            if last_line is not None and span[0] > last_line + 1:
                covered = False
            covered = covered or self.commented(path)
            if not covered:
                self.problem(path, f"{name} has no comment, and none above covers it")
            last_line = span[0] if len(span) == 3 else span[2]

    def check_name(self, path, pattern, what, name):
        if not pattern.fullmatch(name):
            self.problem(path, f"{what} '{name}' is not {pattern.pattern}")

    def check_enum(self, path, enum):
        self.check_name(path, PASCAL, "enum", enum.name)
        self.check_comment(path, f"enum {enum.name}")
        prefix = upper_snake(enum.name) + "_"
        paths = [path + (ENUM_VALUE, i) for i in range(len(enum.value))]
        for value_path, value in zip(paths, enum.value):
            self.check_name(value_path, UPPER_SNAKE, "enum value", value.name)
            if not value.name.startswith(prefix):
                self.problem(value_path, f"enum value '{value.name}' does not begin with {prefix}")
        if enum.value[0].name != prefix + "UNSPECIFIED" and not self.commented(paths[0]):
            self.problem(paths[0], f"zero value '{enum.value[0].name}' is neither {prefix}UNSPECIFIED nor explained")
        self.check_member_comments(paths, [value.name for value in enum.value])

    def check_message(self, path, message):
        if message.options.map_entry:
            return
        self.check_name(path, PASCAL, "message", message.name)
        self.check_comment(path, f"message {message.name}")
        paths = [path + (MESSAGE_FIELD, i) for i in range(len(message.field))]
        for field_path, field in zip(paths, message.field):
            self.check_name(field_path, LOWER_SNAKE, "field", field.name)
        self.check_member_comments(paths, [f"{message.name}.{field.name}" for field in message.field])
        for i, nested in enumerate(message.nested_type):
            self.check_message(path + (MESSAGE_MESSAGE, i), nested)
        for i, enum in enumerate(message.enum_type):
            self.check_enum(path + (MESSAGE_ENUM, i), enum)

    def check_service(self, path, service):
        self.check_name(path, PASCAL, "service", service.name)
        if not service.name.endswith("Service"):
            self.problem(path, f"service '{service.name}' does not end in Service")
        self.check_comment(path, f"service {service.name}")
        for i, method in enumerate(service.method):
            method_path = path + (SERVICE_METHOD, i)
            self.check_name(method_path, PASCAL, "rpc", method.name)
            self.check_comment(method_path, f"rpc {method.name}")

    def check(self):
        if self.file.syntax != "proto3":
            self.problem((), "not proto3")
        if not re.search(r"\.v[0-9]+$", self.file.package):
            self.problem((), f"package '{self.file.package}' does not end in a version")
        folder = self.file.name.rpartition("/")[0]
        if folder != self.file.package.replace(".", "/"):
            self.problem((), f"package '{self.file.package}' does not match the folder '{folder}'")
        for i, message in enumerate(self.file.message_type):
            self.check_message((FILE_MESSAGE, i), message)
        for i, enum in enumerate(self.file.enum_type):
            self.check_enum((FILE_ENUM, i), enum)
        for i, service in enumerate(self.file.service):
            self.check_service((FILE_SERVICE, i), service)
        return self.problems


def main():
    with open(sys.argv[1], "rb") as stream:
        files = descriptor_pb2.FileDescriptorSet.FromString(stream.read()).file
    problems = [problem for file in files for problem in FileLint(file).check()]
    packages = {}
    for file in files:
        if packages.setdefault(file.package, file).options.go_package != file.options.go_package:
            problems.append(f"proto/{file.name}:1: its go_package is not that of {packages[file.package].name}")
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
