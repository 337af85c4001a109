using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class PatchesTests
{
    // One patch; runs of 3 (no lane), 4, 8 and 32; a clip with and without temporal patches; not square.
    private static readonly PatchLayout[] Layouts =
    [
        new(1, 2, 2, 3, 1, 2), new(1, 3, 5, 3, 1, 1), new(1, 4, 6, 2, 1, 2), new(1, 4, 2, 4, 1, 2),
        new(3, 2, 4, 1, 1, 2), new(4, 4, 8, 8, 2, 4),
    ];

    public static MatrixTheoryData<TestDevice, int> Cases => new(Devices.All, [.. Enumerable.Range(0, Layouts.Length)]);

    [Theory, MemberData(nameof(Cases))]
    public void Patchify_and_its_gradient_match_the_reference(TestDevice kind, int layout)
    {
        PatchLayout l = Layouts[layout];
        OperatorTest.Run(
            kind,
            [(Data.Random(1, 2 * l.SampleLength), new Shape(2, l.SampleLength))],
            (tape, x) => tape.Patchify(x[0], l),
            x => PatchesReference.Patchify(x[0], l),
            0, 1e-12, (_, dy) => [PatchesReference.Unpatchify(dy, l)]);
    }

    [Theory, MemberData(nameof(Cases))]
    public void Unpatchify_of_a_column_view_and_its_gradient_match_the_reference(TestDevice kind, int layout)
    {
        PatchLayout l = Layouts[layout];
        int wide = (2 * l.PatchLength) + 1;
        int rows = 2 * l.Tokens;
        OperatorTest.Run(
            kind,
            [(Data.Random(1, rows * wide), new Shape(rows, wide))],
            (tape, x) => tape.Unpatchify(x[0].Columns(l.PatchLength, l.PatchLength), l),
            x => PatchesReference.Unpatchify(Columns(x[0]), l),
            0, 1e-12,
            (_, dy) =>
            {
                double[] patches = PatchesReference.Patchify(dy, l), dx = new double[rows * wide];
                for (int i = 0; i < patches.Length; i++)
                {
                    dx[(i / l.PatchLength * wide) + l.PatchLength + (i % l.PatchLength)] = patches[i];
                }

                return [dx];
            });

        double[] Columns(double[] x) => [.. Enumerable.Range(0, rows * l.PatchLength)
            .Select(i => x[(i / l.PatchLength * wide) + l.PatchLength + (i % l.PatchLength)])];
    }

    [Theory, MemberData(nameof(Cases))]
    public void Both_gradients_add_where_another_contribution_came_first(TestDevice kind, int layout)
    {
        PatchLayout l = Layouts[layout];
        OperatorTest.Run(
            kind,
            [(Data.Random(1, l.SampleLength), new Shape(1, l.SampleLength))],
            (tape, x) =>
            {
                Variable patches = tape.Patchify(x[0], l);
                return tape.Sum(tape.Sum(tape.Unpatchify(patches, l), tape.Unpatchify(patches, l)), tape.Unpatchify(tape.Patchify(x[0], l), l));
            },
            x => [.. x[0].Select(v => 3 * v)],
            1e-6, 1e-6, (_, dy) => [[.. dy.Select(v => 3 * v)]]);
    }

    [Fact]
    public void The_order_is_frame_row_column_inside_and_outside()
    {
        double[] samples = [.. Enumerable.Range(0, 16).Select(i => (double)i)];
        Assert.Equal(
            [0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15],
            PatchesReference.Patchify(samples, new(1, 4, 4, 1, 1, 2)));
        Assert.Equal(
            [0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15],
            PatchesReference.Patchify(samples, new(2, 2, 2, 2, 2, 1)));
    }

    [Fact]
    public void The_adjoints_match_central_differences()
    {
        PatchLayout l = new(2, 2, 4, 1, 2, 2);
        Gradient.ShouldMatch(
            x => PatchesReference.Patchify(x[0], l), (_, dy) => [PatchesReference.Unpatchify(dy, l)], [Data.Random(1, l.SampleLength)]);
    }

    [Fact]
    public void Sides_that_the_patch_does_not_divide_are_named()
    {
        Assert.StartsWith(
            "height 30 is not divisible by the patch 4",
            Assert.Throws<ArgumentException>(() => new PatchLayout(1, 30, 32, 3, 1, 4)).Message, StringComparison.Ordinal);
        Assert.Equal("Width", Assert.Throws<ArgumentException>(() => new PatchLayout(1, 32, 30, 3, 1, 4)).ParamName);
        Assert.StartsWith(
            "frame count 5 is not divisible by the temporal patch 2",
            Assert.Throws<ArgumentException>(() => new PatchLayout(5, 32, 32, 3, 2, 4)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new PatchLayout(1, 32, 32, 0, 1, 4));
    }

    [Fact]
    public void A_wrong_shape_is_named()
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using Tape tape = new(device);
        PatchLayout l = new(1, 4, 4, 3, 1, 2);
        Assert.Equal("samples", Assert.Throws<ArgumentException>(() => tape.Patchify(tape.Leaf(tape.Rent(new(2, 47))), l)).ParamName);
        Assert.Equal("patches", Assert.Throws<ArgumentException>(() => tape.Unpatchify(tape.Leaf(tape.Rent(new(9, 12))), l)).ParamName);
    }
}
