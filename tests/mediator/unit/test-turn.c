/*
 * Turns: what is served in one, and what it ends with
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "protocol/turn.h"

#include <glib/gstdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ENDS 200

/* The one end of a pair of sockets is watched, the other is here. */
typedef struct End {
    Watch watch;
    int other;
    bool stays;                 /* it is ready again and again */
    unsigned ready;             /* times */
    struct End *victim;         /* not to be watched once this is ready */
    Later *later;               /* to be run then */
} End;

static void end_ready(Watch *watch, uint32_t events)
{
    End *end = (End *)((char *)watch - offsetof(End, watch));
    char byte;

    g_assert_cmphex(events & EPOLLIN, ==, EPOLLIN);
    end->ready++;
    if (!end->stays) {
        g_assert_cmpint(read(watch->fd, &byte, 1), >=, 0);
    }
    if (end->victim != NULL) {
        watch_for(&end->victim->watch, 0);
    }
    if (end->later != NULL) {
        later_run(end->later);
    }
}

static void end_init(End *end)
{
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    *end = (End) {
        .watch = { .fd = fds[0], .ready = end_ready }, .other = fds[1],
    };
    watch_for(&end->watch, EPOLLIN);
}

static void end_clear(End *end)
{
    watch_for(&end->watch, 0);
    close(end->watch.fd);
    close(end->other);
}

static void end_write(const End *end)
{
    g_assert_cmpint(write(end->other, "x", 1), ==, 1);
}

static unsigned turns(unsigned most)
{
    unsigned count = 0;

    while (count < most && g_main_context_iteration(NULL, FALSE)) {
        count++;
    }
    return count;
}

static void test_all_have_their_turn(void)
{
    static End ends[ENDS];

    for (int i = 0; i < ENDS; i++) {
        end_init(&ends[i]);
        ends[i].stays = true;
        end_write(&ends[i]);
    }
    /* More than one turn has room for */
    turns(20);
    for (int i = 0; i < ENDS; i++) {
        g_assert_cmpuint(ends[i].ready, >=, 2);
        end_clear(&ends[i]);
    }
    g_assert_cmpuint(turns(20), ==, 0);
}

/* One that is not watched any more hears nothing, in this turn already. */
static void test_not_any_more(void)
{
    End ends[2];

    for (int i = 0; i < 2; i++) {
        end_init(&ends[i]);
        end_write(&ends[i]);
        ends[i].victim = &ends[1 - i];
    }
    g_assert_cmpuint(turns(1), ==, 1);
    g_assert_cmpuint(ends[0].ready + ends[1].ready, ==, 1);
    end_clear(&ends[0]);
    end_clear(&ends[1]);
}

/* With no events to wait for, also the end of the peer is nothing. */
static void test_no_events(void)
{
    End end;

    end_init(&end);
    watch_for(&end.watch, 0);
    close(end.other);
    g_assert_cmpuint(turns(5), ==, 0);
    watch_for(&end.watch, EPOLLIN);
    g_assert_cmpuint(turns(1), ==, 1);
    g_assert_cmpuint(end.ready, >=, 1);
    end.other = -1;
    end_clear(&end);
}

static void test_possible(void)
{
    g_autofree char *path = NULL;
    const int file = g_file_open_tmp(NULL, &path, NULL);
    End end;

    end_init(&end);
    g_assert_true(watch_possible(end.other));
    g_assert_true(watch_possible(end.other));
    g_assert_false(watch_possible(file));
    end_clear(&end);
    close(file);
    g_unlink(path);
}

/* --- What is put off --- */

static GString *done;

typedef struct Step {
    Later later;
    char name;
    struct Step *next;          /* to be run when this has run, or NULL */
} Step;

static void step_run(Later *later)
{
    const Step *step = (Step *)later;

    g_string_append_c(done, step->name);
    if (step->next != NULL) {
        later_run(&step->next->later);
    }
}

static Step step(char name, LaterKind kind)
{
    return (Step) { { .kind = kind, .run = step_run }, name, NULL };
}

static void test_later(void)
{
    Step send = step('s', LATER_SEND), work = step('w', LATER_WORK),
         more = step('m', LATER_WORK);

    done = g_string_new(NULL);
    /* Once each, work first, and all in one turn */
    later_run(&send.later);
    later_run(&work.later);
    later_run(&work.later);
    work.next = &more;
    send.next = &work;
    g_assert_cmpuint(turns(5), ==, 1);
    g_assert_cmpstr(done->str, ==, "wmswm");
    later_run(&more.later);
    later_cancel(&more.later);
    later_cancel(&more.later);
    turns(5);
    g_assert_cmpstr(done->str, ==, "wmswm");
    g_string_free(done, TRUE);
}

/* What comes of a descriptor is done in its turn. */
static void test_later_of_a_watch(void)
{
    Step work = step('w', LATER_WORK);
    End end;

    done = g_string_new(NULL);
    end_init(&end);
    end.later = &work.later;
    end_write(&end);
    g_assert_cmpuint(turns(1), ==, 1);
    g_assert_cmpstr(done->str, ==, "w");
    end_clear(&end);
    g_string_free(done, TRUE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/turn/all-have-their-turn", test_all_have_their_turn);
    g_test_add_func("/turn/not-any-more", test_not_any_more);
    g_test_add_func("/turn/no-events", test_no_events);
    g_test_add_func("/turn/possible", test_possible);
    g_test_add_func("/turn/later", test_later);
    g_test_add_func("/turn/later-of-a-watch", test_later_of_a_watch);
    return g_test_run();
}
