"""The weaknesses of MITRE's CWE list (4.17) that rules name: title there, and what it means in our words."""

from __future__ import annotations

from collections.abc import Mapping

CWE_VERSION = "4.17"

CWES: Mapping[int, tuple[str, str]] = {
    200: ("Exposure of Sensitive Information to an Unauthorized Actor", "Others than it is meant for learn a secret."),
    250: ("Execution with Unnecessary Privileges", "Something runs with more rights than its task takes."),
    262: ("Not Using Password Aging", "A credential may stay the same for ever."),
    263: ("Password Aging with Long Expiration", "A credential may stay the same for too long."),
    269: ("Improper Privilege Management", "Rights are not given, tracked and taken back with care."),
    284: ("Improper Access Control", "Access is not kept to those who should have it."),
    295: ("Improper Certificate Validation", "Nobody can tell whom a certificate vouches for."),
    312: ("Cleartext Storage of Sensitive Information", "A secret is kept where its readers can read it."),
    323: ("Reusing a Nonce, Key Pair in Encryption", "One key serves more than one purpose."),
    324: ("Use of a Key Past its Expiration Date", "A key goes on being used when its time is over."),
    326: ("Inadequate Encryption Strength", "The encryption can be broken with the means of today or soon."),
    327: ("Use of a Broken or Risky Cryptographic Algorithm", "The algorithm is weak, or not one that was agreed on."),
    404: ("Improper Resource Shutdown or Release", "A resource is given up in a way that does harm."),
    477: ("Use of Obsolete Function", "What is used is given up, or will be."),
    522: ("Insufficiently Protected Credentials", "A credential is kept or sent where others can take it."),
    532: ("Insertion of Sensitive Information into Log File", "A secret is written where logs are read."),
    664: ("Improper Control of a Resource Through its Lifetime", "A resource is not looked after while it exists."),
    668: ("Exposure of Resource to Wrong Sphere", "A resource can be reached from where it should not."),
    693: ("Protection Mechanism Failure", "A protection is missing, switched off or has no effect."),
    732: ("Incorrect Permission Assignment for Critical Resource", "Too many may read or change a critical resource."),
    778: ("Insufficient Logging", "What happened cannot be found out afterwards."),
    798: ("Use of Hard-coded Credentials", "A credential is part of the code."),
    1164: ("Irrelevant Code", "Something is written that has no effect."),
    1188: ("Initialization of a Resource with an Insecure Default", "What nobody sets is not safe by itself."),
    1220: ("Insufficient Granularity of Access Control", "Rights can be given only in lumps that are too big."),
    1357: ("Reliance on Insufficiently Trustworthy Component", "What others make is taken as it comes."),
}
