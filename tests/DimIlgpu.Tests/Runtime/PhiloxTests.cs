using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class PhiloxTests
{
    // The known answers that its authors publish with the generator (Random123, kat_vectors).
    [Theory]
    [InlineData(0u, 0u, 0u, 0u, 0u, 0u, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [InlineData(
        0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu,
        0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [InlineData(
        0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u, 0xa4093822u, 0x299f31d0u,
        0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void A_block_has_the_published_words(
        uint a, uint b, uint c, uint d, uint low, uint high, uint e, uint f, uint g, uint h) =>
        Assert.Equal(new Philox(e, f, g, h), new Philox(a, b, c, d).Block(low, high));

    [Fact]
    public void Seed_stream_and_slot_each_give_another_sequence()
    {
        uint[][] sequences =
        [
            NoiseReference.Words(1, 2, 3, 8), NoiseReference.Words(2, 2, 3, 8), NoiseReference.Words(1UL << 32, 2, 3, 8),
            NoiseReference.Words(1, 3, 3, 8), NoiseReference.Words(1, 2UL << 32, 3, 8), NoiseReference.Words(1, 2, 4, 8),
        ];
        Assert.Equal(48, sequences.SelectMany(s => s).Distinct().Count());
    }

    [Fact]
    public void Integers_are_even_and_normal_numbers_normal()
    {
        RandomSequence random = new(7, 1);
        int[] counts = new int[7];
        double sum = 0, squares = 0;
        for (int i = 0; i < 70_000; i++)
        {
            counts[random.Next(7)]++;
            double z = random.NextNormal();
            sum += z;
            squares += z * z;
        }

        Assert.All(counts, c => Assert.InRange(c, 9_600, 10_400));
        Assert.InRange(sum / 70_000, -0.015, 0.015);
        Assert.InRange(squares / 70_000, 0.98, 1.02);
    }

    [Fact]
    public void Nothing_to_choose_from_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new RandomSequence(1, 1).Next(0));
}
