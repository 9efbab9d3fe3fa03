/*
 * A program that a component runs
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "process.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace QemuBridge {

/* In the child: become the program, or tell through @report why not. */
[[noreturn]] static void become(char **argv, pid_t parent, int report)
{
    int error;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(EXIT_FAILURE);    /* the parent died before that */
    }
    execvp(argv[0], argv);
    error = errno;
    if (write(report, &error, sizeof(error)) < 0) {
        /* nobody is there to tell */
    }
    _exit(EXIT_FAILURE);
}

Process::Process(const std::vector<std::string> &command)
{
    std::vector<char *> argv;
    pid_t parent = getpid();
    int error = 0;
    int report[2];

    for (const auto &arg : command) {
        argv.push_back(const_cast<char *>(arg.c_str()));
    }
    argv.push_back(nullptr);

    if (pipe2(report, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
        throw std::runtime_error(command[0] + ": " + std::strerror(errno));
    }
    if (pid == 0) {
        become(argv.data(), parent, report[1]);
    }
    close(report[1]);
    ssize_t got;
    do {
        got = read(report[0], &error, sizeof(error));
    } while (got < 0 && errno == EINTR);    /* 0: exec() has closed it */
    close(report[0]);
    if (error != 0) {
        waitpid(pid, nullptr, 0);
        throw std::runtime_error(command[0] + ": " + std::strerror(error));
    }
}

Process::~Process()
{
    if (!ended()) {
        kill(pid, SIGTERM);
        for (int tenths = 0; tenths < 20 && !ended(); tenths++) {
            usleep(100000);
        }
    }
    if (!ended()) {
        kill(pid, SIGKILL);
        waitpid(pid, nullptr, 0);
    }
}

std::optional<int> Process::ended()
{
    int result;

    if (!status && waitpid(pid, &result, WNOHANG) == pid) {
        status = WIFEXITED(result) ? WEXITSTATUS(result)
                                   : 128 + WTERMSIG(result);
    }
    return status;
}

} // namespace QemuBridge
