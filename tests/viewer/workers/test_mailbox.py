import threading

from panosod_viewer.workers.mailbox import Mailbox


def test_letters_posted_before_anyone_reads_wake_the_reader_when_it_comes():
    box, woken = Mailbox(), []
    box.post("a")
    box.post("b")
    box.attach(lambda: woken.append(1))
    assert woken == [1]
    assert box.take() == ["a", "b"]
    assert not box.has_letters


def test_each_letter_wakes_in_the_posters_thread():
    box, woken = Mailbox(), []
    box.attach(lambda: woken.append(threading.current_thread().name))
    thread = threading.Thread(target=box.post, args=("a",), name="poster")
    thread.start()
    thread.join()
    assert woken == ["poster"]


def test_a_detached_reader_is_left_alone():
    box, woken = Mailbox(), []
    box.attach(lambda: woken.append(1))
    box.attach(None)
    box.post("a")
    assert woken == []
    assert box.take_first() == "a"


def test_many_posters_lose_nothing():
    box = Mailbox()
    threads = [threading.Thread(target=lambda: [box.post(i) for i in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(box.take()) == 4000
