"""A router that answers solicitations (RFC 4861) with options that radvd does not know, by Scapy.

Arguments: interface, options in hexadecimal, a file, options that are sent once that file is there.
Each answer follows one with the other options that seems to have passed routers, which counts for nothing (section 6.1.2).
"""

import os
import sys

from scapy.config import conf
from scapy.layers.inet6 import ICMPv6ND_RA, ICMPv6ND_RS, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.sendrecv import sendp, sniff

INTERFACE, FIRST, SIGN, SECOND = sys.argv[1:]


def link_local():
    with open("/proc/net/if_inet6") as table:
        for line in table:
            address, _, _, scope, _, name = line.split()
            if name == INTERFACE and scope == "20":
                return ":".join(address[at : at + 4] for at in range(0, 32, 4))
    raise SystemExit("the interface has no link-local address")


def advertise(_solicitation):
    own, other = (SECOND, FIRST) if os.path.exists(SIGN) else (FIRST, SECOND)
    for options, hops in ((other, 64), (own, 255)):
        header = IPv6(src=link_local(), dst="ff02::1", hlim=hops)
        advertisement = ICMPv6ND_RA(routerlifetime=0) / Raw(load=bytes.fromhex(options))
        sendp(Ether(dst="33:33:00:00:00:01") / header / advertisement, iface=INTERFACE, verbose=False)


conf.verb = 0
sniff(iface=INTERFACE, store=False, lfilter=lambda packet: ICMPv6ND_RS in packet, prn=advertise)
