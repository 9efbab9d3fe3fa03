/*
 * What differs between the releases of sst-core, from 14.1 to 16
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_ELEMENTS_COMPAT_H
#define SST_ELEMENTS_COMPAT_H

#include <sst/core/event.h>
#include <sst/core/interfaces/stdMem.h>
#include <sst/core/timeConverter.h>

/* Releases are told apart by headers that came with them. */
#if __has_include(<sst/core/simulation.h>)
#define QEMU_BRIDGE_SST 16
#elif __has_include(<sst/core/portModule.h>)
#define QEMU_BRIDGE_SST 15
#else
#define QEMU_BRIDGE_SST 14
#endif

namespace QemuBridge {

/* How many units of core time a cycle has */
#if QEMU_BRIDGE_SST < 15
using TimeBase = SST::TimeConverter *;

inline TimeBase time_base(SST::TimeConverter *shared)
{
    return shared;
}
#else
using TimeBase = SST::TimeConverter;

inline TimeBase time_base(const SST::TimeConverter *shared)
{
    return *shared;
}

inline TimeBase time_base(const SST::TimeConverter &own)
{
    return own;
}
#endif

/* Handlers that can be checkpointed have the function in their type. */
#if QEMU_BRIDGE_SST < 16
template <typename T, auto function, typename Data = void>
using EventHandler = SST::Event::Handler2<T, function, Data>;
#else
template <typename T, auto function, typename Data = void>
using EventHandler = SST::Event::Handler<T, function, Data>;
#endif

/* A handler of the answers to requests of StandardMem */
template <auto function, typename T>
SST::Interfaces::StandardMem::HandlerBase *memory_handler(T *object)
{
    using Memory = SST::Interfaces::StandardMem;

#if QEMU_BRIDGE_SST < 15
    return new Memory::Handler<T>(object, function);
#elif QEMU_BRIDGE_SST < 16
    return new Memory::Handler2<T, function>(object);
#else
    return new Memory::Handler<T, function>(object);
#endif
}

} // namespace QemuBridge

#endif /* SST_ELEMENTS_COMPAT_H */
