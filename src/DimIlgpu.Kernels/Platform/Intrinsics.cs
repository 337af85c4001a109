using System.Reflection;
using ILGPU;
using ILGPU.Backends.OpenCL;
using ILGPU.IR;
using ILGPU.IR.Intrinsics;
using ILGPU.Runtime;

namespace DimIlgpu.Kernels;

/// <summary>Instructions that ILGPU lacks or gets wrong, one generator per back end that needs it.</summary>
internal static class Intrinsics
{
    /// <summary>
    /// A barrier that orders shared and global memory. ILGPU's own, on OpenCL, fences global memory only,
    /// which the OpenCL specification does not let shared memory rely on.
    /// </summary>
    [IntrinsicImplementation]
    public static void Barrier() => Group.Barrier();

    /// <summary>Makes the intrinsics known to a context.</summary>
    public static Context.Builder EnableIntrinsics(this Context.Builder builder)
    {
        MethodInfo barrier = typeof(Intrinsics).GetMethod(nameof(Barrier), BindingFlags.Public | BindingFlags.Static)!;
        builder.GetIntrinsicManager().RegisterMethod(
            barrier, new CLIntrinsic(typeof(Intrinsics), nameof(OpenClBarrier), IntrinsicImplementationMode.GenerateCode));
        TensorCores.Register(builder.GetIntrinsicManager());
        builder.GetIntrinsicManager().RegisterMethod(
            typeof(TensorCores).GetMethod(nameof(TensorCores.RoundBFloat16))!,
            new CLIntrinsic(typeof(BFloat16), nameof(BFloat16.RoundPair), IntrinsicImplementationMode.Redirect));
        SpecialFunctions.Register(builder.GetIntrinsicManager());
        return builder;
    }

    private static void OpenClBarrier(CLBackend backend, CLCodeGenerator generator, Value value)
    {
        using var statement = generator.BeginStatement("work_group_barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE)");
    }
}
