# SPDX-License-Identifier: GPL-2.0-or-later
# Where the products go in a package. DESTDIR is the package's root.

prefix := /usr
bindir := $(prefix)/bin
sbindir := $(prefix)/sbin
libdir := $(prefix)/lib
libexecdir := $(prefix)/libexec
includedir := $(prefix)/include
datadir := $(prefix)/share
mandir := $(datadir)/man
completionsdir := $(datadir)/bash-completion/completions
sysconfdir := /etc
unitdir := $(prefix)/lib/systemd/system
examplesdir := $(datadir)/doc/vgpu-stub-guest-tools/examples
tmpfilesdir := $(prefix)/lib/tmpfiles.d
dkmsdir := $(prefix)/src/vgpu-stub-$(VERSION)
udevdir := $(prefix)/lib/udev/rules.d

# What is not built; rpmbuild has it in a folder of its own.
SOURCES := SOURCES

pythondir = $(shell $(PYTHON) -c \
    'import sysconfig; print(sysconfig.get_path("purelib"))')

# $(1): mode, $(2): file, $(3): directory. One at a time: the install of XCP-ng's
# build machine makes no directory for several.
install_as = install -p -D -m $(1) $(2) $(DESTDIR)$(3)/$(notdir $(2))
install_file = $(call install_as,644,$(1),$(2))
install_program = $(call install_as,755,$(1),$(2))

.PHONY: install-dom0 install-mediator install-worker install-guest-tools \
    install-driver install-opencl
install-dom0:
	$(call install_file,dom0/vgpu_stub_attach.py,$(pythondir))
	$(call install_file,dom0/vgpu_stub_qemu.py,$(pythondir))
	$(call install_program,dom0/vgpu-stub-wrapper,$(sbindir))
	$(call install_file,qemu-wrapper.patch,$(datadir)/vgpu-stub)
	$(call install_file,docs/man/vgpu-stub-wrapper.8,$(mandir)/man8)

# What executes: here, beside the mediator, or on another host. Without PTX, the
# backend cuda has no kernels.
define install_workers
$(call install_program,$(BUILD)/mediator/vgpu-starter,$(libexecdir)/vgpu-stub)
$(call install_as,711,$(BUILD)/mediator/vgpu-worker,$(libexecdir)/vgpu-stub)
install -p -D -m 644 $(SOURCES)/vgpu-worker.mount \
    '$(DESTDIR)$(unitdir)/var-lib-vgpu\x2dworker-work.mount'
for kernel in mediator/kernels/*.kernel mediator/kernels/*.cl $(PTX); do \
    install -p -D -m 644 $$kernel \
        $(DESTDIR)$(datadir)/vgpu-stub/kernels/$${kernel##*/} || exit; \
done
endef

install-worker: mediator $(PTX)
	$(install_workers)
	$(call install_program,$(BUILD)/mediator/vgpu-gate,$(bindir))
	$(call install_file,$(SOURCES)/vgpu-starter.socket,$(unitdir))
	$(call install_file,$(SOURCES)/vgpu-starter@.service,$(unitdir))
	$(call install_file,$(SOURCES)/vgpu-worker-root.service,$(unitdir))
	install -p -D -m 644 $(SOURCES)/vgpu-stub-worker.tmpfiles \
	    $(DESTDIR)$(tmpfilesdir)/vgpu-stub-worker.conf
	$(call install_file,docs/man/vgpu-gate.8,$(mandir)/man8)

install-mediator: mediator $(PTX)
	$(call install_program,$(BUILD)/mediator/vgpu-mediatord,$(sbindir))
	$(call install_program,$(BUILD)/mediator/vgpu-ctl,$(sbindir))
	$(install_workers)
	$(call install_program,mediator/launchers/vgpu-stub-slurm,$(bindir))
	$(call install_file,$(SOURCES)/mediatord.conf,$(sysconfdir)/vgpu-stub)
	$(call install_file,$(SOURCES)/vgpu-mediatord.service,$(unitdir))
	$(call install_file,$(SOURCES)/vgpu-launcher.socket,$(unitdir))
	$(call install_file,$(SOURCES)/vgpu-launcher@.service,$(unitdir))
	install -p -D -m 644 $(SOURCES)/vgpu-stub.tmpfiles \
	    $(DESTDIR)$(tmpfilesdir)/vgpu-stub.conf
	$(call install_file,docs/man/vgpu-mediatord.8,$(mandir)/man8)
	$(call install_file,docs/man/vgpu-ctl.8,$(mandir)/man8)
	$(call install_file,docs/man/vgpu-stub-slurm.8,$(mandir)/man8)
	$(call install_file,docs/man/mediatord.conf.5,$(mandir)/man5)
	$(call install_file,mediator/completion/vgpu-ctl,$(completionsdir))
	$(call install_file,mediator/completion/vgpu-mediatord,$(completionsdir))

install-guest-tools: guest-tools
	$(call install_program,$(GUEST_TOOLS)/vgpu-stub,$(bindir))
	$(call install_program,$(GUEST_TOOLS)/vgpu-stub-mmap-test,$(bindir))
	$(call install_file,$(LIBVGPU_STUB),$(libdir))
	$(call install_program,$(LIBVGPU_STUB_SO),$(libdir))
	ln -sf $(notdir $(LIBVGPU_STUB_SO)) $(DESTDIR)$(libdir)/libvgpu-stub.so
	install -d $(DESTDIR)$(libdir)/pkgconfig
	sed -e 's|@prefix@|$(prefix)|; s|@libdir@|$(libdir)|' \
	    -e 's|@includedir@|$(includedir)|; s|@version@|$(VERSION)|' \
	    guest-tools/libvgpu-stub/vgpu-stub.pc.in \
	    >$(DESTDIR)$(libdir)/pkgconfig/vgpu-stub.pc
	$(call install_file,include/vgpu-stub-regs.h,$(includedir))
	$(call install_file,guest-tools/libvgpu-stub/vgpu-stub.h,$(includedir))
	$(call install_file,guest-tools/completion/vgpu-stub,$(completionsdir))
	$(call install_file,guest-tools/python/vgpu_stub.py,$(pythondir))
	$(call install_file,guest-tools/python/vgpu_stub_library.py,$(pythondir))
	$(call install_file,guest-tools/python/vgpu_stub_values.py,$(pythondir))
	mkdir -p $(DESTDIR)$(examplesdir)
	install -p -m 644 guest-tools/examples/* $(DESTDIR)$(examplesdir)
	$(call install_file,docs/man/vgpu-stub.3,$(mandir)/man3)
	$(call install_file,docs/man/vgpu-stub.1,$(mandir)/man1)
	$(call install_file,docs/man/vgpu-stub-mmap-test.1,$(mandir)/man1)

install-opencl: opencl
	$(call install_program,$(OPENCL)/$(OPENCL_SO),$(libdir))
	$(call install_file,$(OPENCL)/vgpu-stub.icd,$(sysconfdir)/OpenCL/vendors)

# The kernel module's source, for DKMS to build it
install-driver:
	for file in guest-tools/driver/*.[ch] guest-tools/driver/Kbuild; do \
	    install -p -D -m 644 $$file \
	        $(DESTDIR)$(dkmsdir)/$${file##*/} || exit; \
	done
	$(call install_file,include/vgpu-stub-regs.h,$(dkmsdir)/include)
	$(call install_file,include/vgpu-stub-ring.h,$(dkmsdir)/include)
	sed 's|@version@|$(VERSION)|' guest-tools/driver/dkms.conf.in \
	    >$(DESTDIR)$(dkmsdir)/dkms.conf
	$(call install_file,guest-tools/driver/60-vgpu-stub.rules,$(udevdir))
	$(call install_file,guest-tools/driver/vgpu-stub-ioctl.h,$(includedir))
