using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class GeluTests
{
    public static MatrixTheoryData<TestDevice, int, int> Cases => new(Devices.All, [1, 3], [1, 24, 70]);

    [Theory, MemberData(nameof(Cases))]
    public void Forward_and_backward_match_the_reference(TestDevice kind, int rows, int columns) => OperatorTest.Run(
        kind,
        [([.. Data.Normal(1, rows * columns).Select(v => (double)(float)(3 * v))], new Shape(rows, columns))],
        (tape, x) => tape.Gelu(x[0]),
        x => GeluReference.Forward(x[0]));

    [Theory, MemberData(nameof(Cases))]
    public void Views_and_a_second_use_are_honoured(TestDevice kind, int rows, int columns) => OperatorTest.Run(
        kind,
        [(Data.Normal(1, 2 * rows * columns), new Shape(rows, 2 * columns))],
        (tape, x) => tape.Sum(tape.Gelu(x[0].Columns(columns, columns)), tape.Gelu(x[0].Columns(columns, columns))),
        x => [.. GeluReference.Forward([.. x[0].Where((_, i) => i / columns % 2 == 1)]).Select(v => 2 * v)]);

    [Theory]
    [InlineData(-1e4f, 0f)]
    [InlineData(-100f, 0f)]
    [InlineData(0f, 0f)]
    [InlineData(100f, 100f)]
    [InlineData(1e4f, 1e4f)]
    public void Both_ends_saturate(float x, float y)
    {
        foreach (TestDevice kind in Devices.All)
        {
            using DeviceLease lease = Devices.Open(kind);
            Device device = lease.Device;
            using Arena arena = new(device);
            Tensor tensor = arena.Upload([x], new(1, 1)), slope = arena.Rent(new(1, 1));
            Gelu.Backward(device, tensor, arena.Upload([1], new(1, 1)), new(slope, Add: false));
            slope.ShouldBe([x < 0 ? 0 : x > 0 ? 1 : 0.5], 1e-6, 1e-6, "slope");
            Gelu.Forward(device, tensor, tensor);
            tensor.ShouldBe([y], 1e-6, 1e-6);
        }
    }
}
