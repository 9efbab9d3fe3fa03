/*
 * A program that a component runs, and that does not outlive SST, even if that
 * is killed or ends with a fatal error
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_ELEMENTS_PROCESS_H
#define SST_ELEMENTS_PROCESS_H

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace QemuBridge {

class Process
{
public:
    /* Throws std::runtime_error when the program cannot be started. */
    explicit Process(const std::vector<std::string> &command);

    /* Ends the program, if it still runs. */
    ~Process();
    Process(const Process &) = delete;
    Process &operator=(const Process &) = delete;

    /* What a shell would call its exit status; none while it runs */
    std::optional<int> ended();

private:
    pid_t pid;
    std::optional<int> status;
};

} // namespace QemuBridge

#endif /* SST_ELEMENTS_PROCESS_H */
