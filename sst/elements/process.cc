/*
 * A program that a component runs
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "process.h"

#include <csignal>
#include <cstring>
#include <spawn.h>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

namespace QemuBinary {

Process::Process(const std::vector<std::string> &command)
{
    std::vector<char *> argv;

    for (const auto &arg : command) {
        argv.push_back(const_cast<char *>(arg.c_str()));
    }
    argv.push_back(nullptr);

    int error = posix_spawnp(&pid, argv[0], nullptr, nullptr, argv.data(),
                             environ);
    if (error != 0) {
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

} // namespace QemuBinary
