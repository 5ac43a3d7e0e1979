"""Things that happen at once: let loose together, or in every order in which their requests can reach the store."""

from functools import partial
from itertools import chain
from random import Random
from threading import Barrier, Condition, Thread, current_thread

LONGEST = 30.0  # seconds, for what takes milliseconds: whoever is not done by then is stuck


class Actor(Thread):
    """Somebody who does one thing."""

    def __init__(self, act, done=lambda: None):
        super().__init__(daemon=True)
        self.act, self.done = act, done

    def run(self):
        try:
            self.value, self.error = self.act(), None
        except BaseException as error:  # raised again in the test's own thread
            self.error = error
        finally:
            self.done()

    def result(self):
        self.join(LONGEST)
        assert not self.is_alive(), "an actor is stuck"
        if self.error:
            raise self.error
        return self.value


def race(*acts):
    """Let all loose at the same moment, each in a thread; returns their results. What one raises is raised."""
    start = Barrier(len(acts))

    def on_the_mark(act):
        start.wait(LONGEST)
        return act()

    actors = [Actor(partial(on_the_mark, act)) for act in acts]
    for actor in actors:
        actor.start()
    return [actor.result() for actor in actors]


def races(entries, at_once=8):
    """Many races, several at once so that no processor has to wait; each entry is the acts of one. Returns the results of each."""
    results = []
    for start in range(0, len(entries), at_once):
        some = entries[start : start + at_once]
        done = iter(race(*chain(*some)))
        results += [[next(done) for _ in entry] for entry in some]
    return results


class Turns:
    """One order of requests: only one goes on at a time. `choose` says at each step which, of how many actors that wait."""

    def __init__(self, choose):
        self.choose = choose
        self.taken = []  # at each step: who went on, and of how many
        self._changed = Condition()
        self._going, self._waiting = set(), set()

    def run(self, *acts):
        """Let the actors do what they do, in this order; returns their results."""
        actors = [Actor(act, self._leave) for act in acts]
        self._going = set(actors)
        for actor in actors:
            actor.start()
        while waiting := self._those_who_wait(actors):
            place = self.choose(len(self.taken), len(waiting))
            self.taken.append((place, len(waiting)))
            self._move(waiting[place], self._waiting, self._going)
        return [actor.result() for actor in actors]

    def before_request(self):
        """Wait for one's turn; whoever is no actor need not."""
        me = current_thread()
        if me in self._going:
            self._move(me, self._going, self._waiting)
            with self._changed:
                assert self._changed.wait_for(lambda: me in self._going, LONGEST), "no turn came"

    def _those_who_wait(self, actors):
        with self._changed:
            assert self._changed.wait_for(lambda: not self._going, LONGEST), "an actor is stuck"
            return [actor for actor in actors if actor in self._waiting]

    def _move(self, actor, out_of, into):
        with self._changed:
            out_of.remove(actor)
            into.add(actor)
            self._changed.notify_all()

    def _leave(self):
        with self._changed:
            self._going.discard(current_thread())
            self._changed.notify_all()


class Gate:
    """What every request passes; closed to actors while an order is tried."""

    def __init__(self):
        self.turns = Turns(_first)

    def every_order(self):
        """For each order of the requests, a function that lets actors act in it."""
        path = []
        while path is not None:
            self.turns = Turns(lambda step, _, path=path: path[step] if step < len(path) else 0)
            yield self.turns.run
            path = _after(self.turns.taken)

    def some_orders(self, count):
        """The same for some orders, where there are thousands; always the same ones."""
        for seed in range(count):
            choose = Random(seed).randrange
            self.turns = Turns(lambda _, of, choose=choose: choose(of))
            yield self.turns.run


def _first(_step, _of):
    return 0


def _after(taken):
    """What begins the next order: the last choice that can be another is another. None when all were tried."""
    for step in reversed(range(len(taken))):
        place, of = taken[step]
        if place + 1 < of:
            return [earlier for earlier, _ in taken[:step]] + [place + 1]
    return None


def attempt(refusal, act):
    """The act, whose refusal is a result."""

    def attempted():
        try:
            return act()
        except refusal as error:
            return error

    return attempted
