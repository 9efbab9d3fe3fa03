/*
 * The SHA-256 (FIPS 180-4) of each of count messages of length bytes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define BLOCK 64                /* bytes */
#define LENGTH_SIZE 8           /* of the message's length in bits */
#define STATE 8                 /* words */
#define ROUNDS 64

__constant uint sha256_k[ROUNDS] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint sha256_rotate(uint x, uint bits)
{
    return (x >> bits) | (x << (32 - bits));
}

/* Byte `at` of the message as it is padded to `blocks` blocks */
static uint sha256_byte(__global const uchar *message, ulong length,
                        ulong blocks, ulong at)
{
    const ulong behind = blocks * BLOCK - at;

    if (at < length) {
        return message[at];
    }
    if (at == length) {
        return 0x80;
    }
    return behind <= LENGTH_SIZE ?
           (uint)(length * 8 >> (behind - 1) * 8) & 0xff : 0;
}

/* One block, as ROUNDS words of which the first 16 are given */
static void sha256_block(uint *state, uint *w)
{
    uint s[STATE];

    for (int i = 16; i < ROUNDS; i++) {
        const uint a = w[i - 15], b = w[i - 2];

        w[i] = w[i - 16] + w[i - 7] +
               (sha256_rotate(a, 7) ^ sha256_rotate(a, 18) ^ (a >> 3)) +
               (sha256_rotate(b, 17) ^ sha256_rotate(b, 19) ^ (b >> 10));
    }
    for (int i = 0; i < STATE; i++) {
        s[i] = state[i];
    }
    for (int i = 0; i < ROUNDS; i++) {
        const uint t1 = s[7] + w[i] + sha256_k[i] +
                        ((s[4] & s[5]) ^ (~s[4] & s[6])) +
                        (sha256_rotate(s[4], 6) ^ sha256_rotate(s[4], 11) ^
                         sha256_rotate(s[4], 25));
        const uint t2 = ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2])) +
                        (sha256_rotate(s[0], 2) ^ sha256_rotate(s[0], 13) ^
                         sha256_rotate(s[0], 22));

        for (int j = STATE - 1; j > 0; j--) {
            s[j] = s[j - 1];
        }
        s[4] += t1;
        s[0] = t1 + t2;
    }
    for (int i = 0; i < STATE; i++) {
        state[i] += s[i];
    }
}

__kernel void sha256(__global const uchar *data, __global uchar *digest,
                     uint length, uint count)
{
    const ulong blocks = ((ulong)length + 1 + LENGTH_SIZE + BLOCK - 1) / BLOCK;

    for (size_t i = get_global_id(0); i < count; i += get_global_size(0)) {
        __global const uchar *message = data + i * length;
        uint state[STATE] = {
            0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
            0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
        };

        for (ulong block = 0; block < blocks; block++) {
            uint w[ROUNDS];

            for (int j = 0; j < 16; j++) {
                const ulong at = block * BLOCK + j * 4;

                w[j] = sha256_byte(message, length, blocks, at) << 24 |
                       sha256_byte(message, length, blocks, at + 1) << 16 |
                       sha256_byte(message, length, blocks, at + 2) << 8 |
                       sha256_byte(message, length, blocks, at + 3);
            }
            sha256_block(state, w);
        }
        for (int j = 0; j < STATE * 4; j++) {
            digest[i * STATE * 4 + j] = state[j / 4] >> (24 - j % 4 * 8);
        }
    }
}
