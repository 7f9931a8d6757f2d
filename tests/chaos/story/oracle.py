"""What was accepted, against what was answered or stands in the dead letters."""
import collections


class Oracle:
    """Pure bookkeeping; the caller keeps threads apart.

    Messages have numbers that grow in the order in which they were published, and a key each.
    """

    def __init__(self):
        self.published = {}                       # Number to key: all that was ever handed to the broker.
        self.accepted = set()                     # What the broker has acknowledged, and cannot have lost by itself.
        self.answered = collections.Counter()
        self.dead = collections.Counter()
        self.latest = {}                          # Key to the highest number answered.
        self.overtaken = []                       # (key, number, the higher one that was answered before it)
        self.invented = collections.Counter()     # Answers to what was never published.

    def publish(self, number, key):
        self.published[number] = key

    def accept(self, number):
        self.accepted.add(number)

    def answer(self, number):
        if number not in self.published:
            self.invented[number] += 1
            return
        self.answered[number] += 1
        if self.answered[number] > 1:
            return  # A repeat is a duplicate, wherever it comes.
        key = self.published[number]
        latest = self.latest.get(key, -1)
        if number < latest:
            self.overtaken.append((key, number, latest))
        else:
            self.latest[key] = number

    def bury(self, number):
        """A dead letter."""
        if number in self.published:
            self.dead[number] += 1
        else:
            self.invented[number] += 1

    def bury_once(self, number):
        """A dead letter that is looked at again and again."""
        if number not in self.dead:
            self.bury(number)

    def lost(self):
        return self.accepted - self.answered.keys() - self.dead.keys()

    def order_breaks(self):
        """First answers behind that of a later message of their key. What is a dead letter has had its turn as one: an
        answer to it is a repeat, also where the dead letter arrives after it, on its own topic."""
        return [overtaken for overtaken in self.overtaken if overtaken[1] not in self.dead]

    def duplicates(self):
        """How often something was answered, or buried, once more than it should have been."""
        both = self.answered.keys() & self.dead.keys()
        return sum(count - 1 for counter in (self.answered, self.dead) for count in counter.values()) + len(both)

    def report(self):
        return {"accepted": len(self.accepted), "answered": len(self.answered), "dead": len(self.dead),
                "lost": len(self.lost()), "duplicates": self.duplicates(), "order breaks": len(self.order_breaks()),
                "invented": sum(self.invented.values())}
